"""What an alignment is worth, with its uncertainty."""
