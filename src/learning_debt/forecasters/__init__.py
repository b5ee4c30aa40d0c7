"""Who believes what: forecasters and their posteriors."""
