"""What we conclude: reduce, picture, timers, forecast, rules. Pure; time is an input."""
