"""Revenue against churn on the free tier. Its system comes with a later issue; the name is taken here."""
