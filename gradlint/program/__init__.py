"""What the code means for training: names, values, networks, updates and the states of gradients."""
