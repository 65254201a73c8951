"""What is fast, measured. Never part of the tests: figures depend on the machine, their ratios less."""
