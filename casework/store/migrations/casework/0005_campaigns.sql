-- All that a campaign says of itself. Its lists are named by the library; its dates put them in force.
ALTER TABLE campaigns ADD COLUMN outside TEXT NOT NULL DEFAULT 'monitor' CHECK (outside IN ('monitor', 'off'));
ALTER TABLE campaigns ADD COLUMN bases TEXT NOT NULL DEFAULT '[]';    -- JSON: the papers it rests on, in their order
ALTER TABLE campaigns ADD COLUMN links TEXT NOT NULL DEFAULT '[]';    -- JSON: addresses of its pages and tools
ALTER TABLE campaigns ADD COLUMN note TEXT NOT NULL DEFAULT '';

-- The units that take part, each with all below it; a campaign without any is for all units.
CREATE TABLE campaign_units (
    campaign TEXT NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    unit TEXT NOT NULL,    -- code
    PRIMARY KEY (campaign, unit)
) STRICT, WITHOUT ROWID;

CREATE TABLE campaign_deadlines (
    id INTEGER PRIMARY KEY,
    campaign TEXT NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    day TEXT NOT NULL,    -- the last one
    label TEXT NOT NULL    -- what is due, and to whom
) STRICT;
CREATE INDEX campaign_deadlines_campaign ON campaign_deadlines (campaign);

-- Who answers for a name that is allowed; '' = who decided it.
ALTER TABLE decisions ADD COLUMN owner TEXT NOT NULL DEFAULT '';
