"""Reading movies, writing results."""
