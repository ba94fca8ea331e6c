"""What Discord sees: one package a command group, its views and rendering."""
