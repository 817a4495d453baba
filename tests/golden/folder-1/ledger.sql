-- A ledger.db of version 1, as `sqlite3 ledger.db .dump` tells it.
BEGIN TRANSACTION;
CREATE TABLE calls(  id BLOB NOT NULL PRIMARY KEY, wall_ms INTEGER NOT NULL, op INTEGER NOT NULL, home INTEGER NOT NULL,  job TEXT NOT NULL, asked TEXT NOT NULL, key TEXT NOT NULL, tags TEXT NOT NULL, task TEXT NOT NULL,  outcome INTEGER, attempts INTEGER, http_status INTEGER, target TEXT, first_ms INTEGER, total_ms INTEGER) WITHOUT ROWID;
INSERT INTO calls VALUES(X'01a1ff3e07495c2767a2c687404e06c5',1795283617609,0,0,'bulk','bulk','-','old,folder','',0,2,200,'kimi/b',3,3);
INSERT INTO calls VALUES(X'01a1ff3e07582830b00345e1bcb0cc08',1795283617624,0,0,'bulk','bulk','-','old,folder','',0,1,200,'kimi/b',43,43);
INSERT INTO calls VALUES(X'01a1ff3e0792e3f5bd4eb5df56b0a3f0',1795283617682,0,0,'fast','fast','-','old,folder','',0,1,200,'groq/a',0,0);
CREATE TABLE attempts(  call BLOB NOT NULL, number INTEGER NOT NULL, wall_ms INTEGER NOT NULL, upstream TEXT NOT NULL,  target TEXT NOT NULL, regime INTEGER NOT NULL, price_row INTEGER NOT NULL, hold_nusd INTEGER,  input_estimated INTEGER NOT NULL,  ok INTEGER, reason TEXT, input INTEGER, cached INTEGER, cache_write INTEGER, output INTEGER, reasoning INTEGER,  estimated INTEGER, vendor_nusd INTEGER, cost_nusd INTEGER, first_ms INTEGER, total_ms INTEGER,  PRIMARY KEY(call, number)) WITHOUT ROWID;
INSERT INTO attempts VALUES(X'01a1ff3e07495c2767a2c687404e06c5',1,1795283617609,'groq','groq/bad',0,-1,NULL,8,0,'overloaded',0,0,0,0,0,0,NULL,0,NULL,1);
INSERT INTO attempts VALUES(X'01a1ff3e07495c2767a2c687404e06c5',2,1795283617611,'kimi','kimi/b',0,0,2026000,8,1,'done',100,0,0,50,0,0,NULL,200000,0,0);
INSERT INTO attempts VALUES(X'01a1ff3e07582830b00345e1bcb0cc08',1,1795283617624,'kimi','kimi/b',0,0,2026000,8,1,'done',100,0,0,50,0,0,NULL,200000,43,43);
INSERT INTO attempts VALUES(X'01a1ff3e0792e3f5bd4eb5df56b0a3f0',1,1795283617682,'groq','groq/a',0,-1,NULL,8,1,'done',100,0,0,50,0,0,NULL,NULL,0,0);
CREATE TABLE corrections(  call BLOB NOT NULL, number INTEGER NOT NULL, wall_ms INTEGER NOT NULL, field TEXT NOT NULL, value INTEGER,  PRIMARY KEY(call, number, wall_ms, field)) WITHOUT ROWID;
CREATE TABLE folded(segment INTEGER PRIMARY KEY, offset INTEGER NOT NULL);
CREATE INDEX calls_wall ON calls(wall_ms);
CREATE INDEX calls_open ON calls(id) WHERE outcome IS NULL;
CREATE INDEX attempts_spent ON attempts(upstream, wall_ms, cost_nusd);
CREATE INDEX attempts_open ON attempts(upstream, wall_ms) WHERE ok IS NULL;
PRAGMA user_version = 1;
COMMIT;
