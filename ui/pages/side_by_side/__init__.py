"""The page Side by side: two runs' answers, maps and changed neighbours, and blind duels."""
