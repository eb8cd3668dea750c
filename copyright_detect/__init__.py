"""Rights-holders' audio inside new podcast uploads. Its system comes with a later issue; the name is taken here."""
