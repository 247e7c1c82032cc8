"""The same scenarios on a real Zeebe and on our own server: both have to answer and behave alike."""
