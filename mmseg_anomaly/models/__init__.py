"""Models, scorers and losses."""
