"""A person's own year: their export or scrobbles, read offline, every row accounted for."""
