"""The methods as data: what the picker shows, and which recipe carries each out. Light to import."""
