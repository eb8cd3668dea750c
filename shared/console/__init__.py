"""The web console: one app that mounts every system's router and page, on 127.0.0.1."""
