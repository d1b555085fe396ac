"""Reports: what a run found, one module a format."""
