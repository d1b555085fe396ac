"""The ecosystem benchmark: what gradlint finds in code that nobody here wrote, and what is true of it."""
