"""One queue for a party of listeners. Its system comes with a later issue; the name is taken here."""
