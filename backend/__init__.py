"""What Isthmus does; ``backend.services`` is the one door for the UI and the command line."""
