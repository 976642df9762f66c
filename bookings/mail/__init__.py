"""What is said about a booking by e-mail: the messages, when each is true, to whom, and the log of what was sent."""
