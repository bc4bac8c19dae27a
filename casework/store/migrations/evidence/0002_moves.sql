-- Where an address changed hands: from this row of a ledger file on, its rows were attributed to this host. Only addresses
-- with several hosts have rows here; before the first one in a file its rows are those of the address's first host.
CREATE TABLE moves (
    address TEXT NOT NULL,
    file TEXT NOT NULL,
    seq INTEGER NOT NULL,
    host INTEGER REFERENCES hosts (id),    -- NULL = rolled up before this table was: nobody noted whose they are
    PRIMARY KEY (address, file, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO moves (address, file, seq, host)
    SELECT address, file, 1, NULL FROM (SELECT address FROM hosts GROUP BY address HAVING count(*) > 1), ledgers;
