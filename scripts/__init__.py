"""Scripts for those who build the project."""
