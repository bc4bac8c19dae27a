-- Strengths of answers in steps of ten, for there are more answers now: see STRENGTH in casework/sightings.py.
UPDATE host_indicators SET action = action * 10;
