"""One change at a time to a recipe, some seeds each: what helps, and by how much."""
