"""Podcast recommendations, and how they differ from music. Its system comes with a later issue; the name is taken here."""
