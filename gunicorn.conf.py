"""How gunicorn runs `web`, wherever it is started: it reads this file from the working directory by itself."""

worker_class = "bookingsite.web_worker.Worker"
# A crowd is taken in and waits there, where others go past it, and not in front of the door.
worker_connections = 8192
