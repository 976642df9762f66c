"""How gunicorn runs `web`, wherever it is started: it reads this file from the working directory by itself."""

worker_class = "bookingsite.web_worker.Worker"
