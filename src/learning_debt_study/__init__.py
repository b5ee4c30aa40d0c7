"""The reference study of Katz (arXiv 2604.06438), reproduced from its random stream up."""
