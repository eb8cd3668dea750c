"""Everybody's year in review. Its system comes with a later issue; the name is taken here."""
