"""What is kept about people: given out, erased when they ask, and erased when its time is over. docs/privacy.md."""
