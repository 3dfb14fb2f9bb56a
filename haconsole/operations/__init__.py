"""Guards, actions and drills as pure plans and state machines."""
