def answer():
    return {"statusCode": 200}
