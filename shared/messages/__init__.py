"""What people are told about handoffs, from plain facts: pure, standard library only."""
