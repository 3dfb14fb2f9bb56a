"""Guards, actions, drills, audit: pure plans and judgements. `jobs` makes a job of an action (what is saved, armed,
changed, expected), `job` says what a job is; `runtime.executor` carries it out."""
