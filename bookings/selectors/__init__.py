"""Read what several pages, jobs or sockets need. Nothing in here writes."""
