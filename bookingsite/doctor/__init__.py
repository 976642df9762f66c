"""Look at everything that a site stands on, and say what is not as it should be and what to do (`manage.py doctor`)."""
