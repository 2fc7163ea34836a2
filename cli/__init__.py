"""`ripen`: what a person types. A consumer like a function; never deployed."""
