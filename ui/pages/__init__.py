"""One module a page; each is a class that lays out its components and handles their events."""
