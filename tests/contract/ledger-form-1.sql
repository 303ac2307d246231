BEGIN TRANSACTION;
CREATE TABLE correction_records (
	place INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	"query" TEXT NOT NULL, 
	correction TEXT NOT NULL, 
	rating SMALLINT NOT NULL, 
	interaction_id TEXT, 
	tags TEXT NOT NULL, 
	PRIMARY KEY (place), 
	UNIQUE (id)
);
INSERT INTO "correction_records" VALUES(1,'c1','2026-03-04 12:00:00.123456','Which port?','8092',1,'full','["t"]');
CREATE TABLE credit_records (
	passage_id TEXT NOT NULL, 
	interaction_id TEXT NOT NULL, 
	credit DOUBLE NOT NULL, 
	PRIMARY KEY (passage_id, interaction_id), 
	FOREIGN KEY(interaction_id) REFERENCES interaction_records (id)
);
CREATE TABLE interaction_records (
	place INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	"query" TEXT NOT NULL, 
	response TEXT NOT NULL, 
	agent_type TEXT NOT NULL, 
	model_used TEXT NOT NULL, 
	context_provided TEXT NOT NULL, 
	session_id TEXT, 
	parent_id TEXT, 
	input_tokens INTEGER NOT NULL, 
	output_tokens INTEGER NOT NULL, 
	tokens_used INTEGER NOT NULL, 
	latency_ms INTEGER NOT NULL, 
	first_token_ms INTEGER, 
	cost INTEGER NOT NULL, 
	tokens_saved INTEGER NOT NULL, 
	cost_saved INTEGER NOT NULL, 
	tags TEXT NOT NULL, 
	failure TEXT, 
	target TEXT, 
	attempts TEXT, 
	route_reason TEXT, 
	confidence DOUBLE, 
	relevance DOUBLE, 
	complexity SMALLINT, 
	speciality TEXT, 
	profile TEXT, 
	outcome TEXT, 
	user_feedback SMALLINT, 
	iterations INTEGER, 
	copied BOOLEAN, 
	modified BOOLEAN, 
	settled_at DATETIME, 
	value_score DOUBLE, 
	value_parts TEXT, 
	value_weights TEXT, 
	filed BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (place), 
	UNIQUE (id)
);
INSERT INTO "interaction_records" VALUES(1,'full','2026-03-04 12:00:00.123456','Wie spät? 🕰','Zwölf.','remote','large','["p2","p1"]','s','earlier',11,12,23,340,56,9000000000000,78,90,'["b","a"]','the caller hung up','local-then-remote','["small","large"]','seen before, 92% alike',3.00000000000000044408e-01,3.33333333333333314829e-01,7,'code','critical','success',1,2,1,1,'2026-03-04 12:00:01.123456',0.86,'{"outcome":1.0,"feedback":0.65}','{"outcome":0.6,"feedback":0.4}',0);
CREATE TABLE source_records (
	root TEXT NOT NULL, 
	path TEXT NOT NULL, 
	content_hash TEXT NOT NULL, 
	passage_ids TEXT NOT NULL, 
	PRIMARY KEY (root, path)
);
INSERT INTO "source_records" VALUES('/repo','a.py','h1','["p1","p2"]');
CREATE TABLE version_records (
	version INTEGER NOT NULL, 
	reached_at DATETIME NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "version_records" VALUES(1,'2026-11-21 04:55:56.752692');
CREATE INDEX interactions_by_time ON interaction_records (created_at);
CREATE INDEX interactions_by_session ON interaction_records (session_id, place);
CREATE INDEX interactions_unfiled ON interaction_records (place) WHERE filed = 0;
CREATE INDEX credits_by_interaction ON credit_records (interaction_id);
CREATE VIEW interactions AS SELECT id AS id, date(created_at) AS date, created_at AS created_at, session_id AS session_id, parent_id AS parent_id, query AS query, response AS response, agent_type AS agent_type, model_used AS model_used, context_provided AS context_provided, outcome AS outcome, user_feedback AS user_feedback, iterations AS iterations, CASE WHEN copied THEN 1 WHEN NOT copied THEN 0 END AS copied, CASE WHEN modified THEN 1 WHEN NOT modified THEN 0 END AS modified, settled_at AS settled_at, input_tokens AS input_tokens, output_tokens AS output_tokens, tokens_used AS tokens_used, tokens_saved AS tokens_saved, latency_ms AS latency_ms, first_token_ms AS first_token_ms, cost / 1000000.0 AS cost_usd, cost_saved / 1000000.0 AS cost_saved_usd, target AS route, route_reason AS route_reason, confidence AS confidence, relevance AS relevance, complexity AS complexity, speciality AS speciality, profile AS profile, value_score AS value_score, value_parts AS value_parts, tags AS tags, failure AS failure FROM interaction_records;
CREATE VIEW passage_usage AS SELECT passage_id AS passage_id, count(*) AS uses, sum(credit) AS credit, avg(credit) AS mean_credit FROM credit_records GROUP BY passage_id;
CREATE VIEW corrections AS SELECT id AS id, date(created_at) AS date, created_at AS created_at, query AS query, correction AS correction, rating AS rating, interaction_id AS interaction_id, tags AS tags FROM correction_records;
CREATE VIEW sources AS SELECT root AS root, path AS path, content_hash AS content_hash, json_array_length(passage_ids) AS passages FROM source_records;
COMMIT;
