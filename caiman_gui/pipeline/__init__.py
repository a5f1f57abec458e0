"""The steps from movie to cells, in order, cached."""
