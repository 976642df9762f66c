"""What connected pages show, kept equal to the database: one hub in each process that serves sockets."""
