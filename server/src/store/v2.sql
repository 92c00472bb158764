-- What the classes of models are called.
CREATE TABLE labels (
    model BLOB PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

-- What the device found, and how sure it was, where it says so: by number, as labels name it.
ALTER TABLE reviews ADD COLUMN class INTEGER;
ALTER TABLE reviews ADD COLUMN confidence REAL;
