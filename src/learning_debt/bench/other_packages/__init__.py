"""Other people's packages on spell tables: one a file, each with what it reads, decides and is tuned by."""
