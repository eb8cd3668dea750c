"""The benchmark harness: runs `tests/bench`, keeps the results as JSON in git, renders them into the READMEs, counts lines."""
