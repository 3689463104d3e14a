"""What is to be done for which take, and what became of it: the book of a server, without HTTP."""
