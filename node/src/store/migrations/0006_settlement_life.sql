CREATE TABLE "chain_checkpoints" (
	"contract" text NOT NULL,
	"block_number" bigint NOT NULL,
	"hash" text NOT NULL,
	"parent_hash" text NOT NULL,
	CONSTRAINT "chain_checkpoints_contract_block_number_pk" PRIMARY KEY("contract","block_number")
);
--> statement-breakpoint
CREATE TABLE "settlement_transactions" (
	"hash" text PRIMARY KEY NOT NULL,
	"batch_id" text NOT NULL,
	"sender" text NOT NULL,
	"nonce" bigint NOT NULL,
	"version" integer NOT NULL,
	"raw_transaction" text NOT NULL,
	"max_fee_per_gas" numeric(78, 0) NOT NULL,
	"max_priority_fee_per_gas" numeric(78, 0) NOT NULL,
	"signed_at_ms" bigint NOT NULL,
	CONSTRAINT "settlement_transactions_sender_nonce_version_unique" UNIQUE("sender","nonce","version")
);
--> statement-breakpoint
CREATE TABLE "token_balances" (
	"token" text NOT NULL,
	"holder" text NOT NULL,
	"balance" numeric(78, 0) NOT NULL,
	"country" integer,
	"verified" boolean,
	"claim_topics" jsonb,
	"read_at_ms" bigint,
	CONSTRAINT "token_balances_token_holder_pk" PRIMARY KEY("token","holder")
);
--> statement-breakpoint
CREATE TABLE "token_transfers" (
	"token" text NOT NULL,
	"block_number" bigint NOT NULL,
	"log_index" integer NOT NULL,
	"sender" text NOT NULL,
	"receiver" text NOT NULL,
	"value" numeric(78, 0) NOT NULL,
	"transaction_hash" text NOT NULL,
	CONSTRAINT "token_transfers_token_block_number_log_index_pk" PRIMARY KEY("token","block_number","log_index")
);
--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "purpose" text DEFAULT 'settle' NOT NULL;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "after_failure" text;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "retry_at_ms" bigint;--> statement-breakpoint
ALTER TABLE "settlement_batches" ADD COLUMN "attempts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "settlement_legs" ADD COLUMN "reversal_batch_id" text;--> statement-breakpoint
ALTER TABLE "settlement_legs" ADD COLUMN "reversal_block_number" bigint;--> statement-breakpoint
CREATE INDEX "settlement_transactions_batch_id_nonce_index" ON "settlement_transactions" USING btree ("batch_id","nonce");--> statement-breakpoint
CREATE INDEX "token_balances_token_balance_holder_index" ON "token_balances" USING btree ("token","balance","holder");--> statement-breakpoint
CREATE INDEX "token_transfers_token_sender_index" ON "token_transfers" USING btree ("token","sender");--> statement-breakpoint
CREATE INDEX "token_transfers_token_receiver_index" ON "token_transfers" USING btree ("token","receiver");--> statement-breakpoint
CREATE INDEX "settlement_batches_failed" ON "settlement_batches" USING btree ("after_failure","retry_at_ms") WHERE after_failure in ('retry', 'operator');--> statement-breakpoint
CREATE INDEX "settlement_batches_block" ON "settlement_batches" USING btree ("block_number");--> statement-breakpoint
CREATE INDEX "settlement_legs_to_reverse" ON "settlement_legs" USING btree ("recorded_at_ms") WHERE reversal is not null and state = 'settled';--> statement-breakpoint
CREATE INDEX "settlement_legs_block" ON "settlement_legs" USING btree ("block_number");