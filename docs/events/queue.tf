# The queue of completion_queue=: EventBridge puts the ends of Bedrock Data Automation jobs into it.
resource "aws_sqs_queue" "dead_letters" {
  name_prefix               = "bda-ends-dead-letters-"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue" "ends" {
  name_prefix                = "bda-ends-"
  message_retention_seconds  = 3600 # an older event says nothing any more: polling was quicker
  visibility_timeout_seconds = 30
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = 100 # well above the 20 receives after which the provider itself drops a message
  })
}

resource "aws_cloudwatch_event_rule" "ends" {
  name_prefix = "bda-ends-"
  event_pattern = jsonencode({
    source = ["aws.bedrock"]
    detail-type = [
      "Bedrock Data Automation Job Succeeded",
      "Bedrock Data Automation Job Failed With Client Error",
      "Bedrock Data Automation Job Failed With Service Error",
    ]
  })
}

resource "aws_cloudwatch_event_target" "ends" {
  rule = aws_cloudwatch_event_rule.ends.name
  arn  = aws_sqs_queue.ends.arn
}

resource "aws_sqs_queue_policy" "only_the_rule" {
  queue_url = aws_sqs_queue.ends.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.ends.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.ends.arn } }
    }]
  })
}

output "queue_url" {
  value = aws_sqs_queue.ends.url
}
