"""A year as cards: what is said (`facts`), how it is laid out (`story`), and two ways to draw it (`png`, `svg`)."""
