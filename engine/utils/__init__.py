"""What the engine stands on, none of it about derivatives: Python's numbers and lists, and the system it runs on.

Two are about what users pass: `conversion` (what counts as one real number, and what to write in place of what does
not), then `nested` (lists of numbers, of any depth); `messages` names what they passed. `recent` is a dictionary of
limited size. Three are about the system, each on its own: `console` (text that any console can show), `files` (replaced
as a whole or not at all), `locks` (which a forked process can take). Of these, `make_output_readable` is for scripts of
users; the rest is for `engine`, `nn` and `viz`.
"""
