"""Models that ship: their cards and operating points."""
