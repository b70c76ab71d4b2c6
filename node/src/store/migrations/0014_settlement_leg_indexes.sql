DROP INDEX "settlement_legs_open";--> statement-breakpoint
DROP INDEX "settlement_legs_batch_id_index";--> statement-breakpoint
CREATE INDEX "settlement_legs_batch_id_index" ON "settlement_legs" USING btree ("batch_id") WHERE batch_id is not null;