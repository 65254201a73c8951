"""Pictures and recordings: opened safely, brought to the form that models take."""
