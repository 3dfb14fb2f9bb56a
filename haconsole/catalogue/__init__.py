"""The closed list of command lines that can ever run on a node: `read` observes, `change` disturbs."""
