"""Weekly artist Top 50, per country and global. Its system comes with a later issue; the name is taken here."""
